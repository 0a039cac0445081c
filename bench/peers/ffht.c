/* FFHT's transform in place, as a contender of bench/contender.ts: one line of JSON in, one out. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "fht.h"

#ifdef __AVX__
#define BUILD "AVX"
#else
#define BUILD "SSE"
#endif

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static int number(const char *line, const char *key) {
  const char *at = strstr(line, key);
  return at == NULL ? 0 : atoi(at + strlen(key));
}

int main(void) {
  char line[1024];
  void *memory;
  int exponent, transforms;
  float *values;
  if (fgets(line, sizeof line, stdin) == NULL) return 1;
  exponent = number(line, "\"exponent\":");
  transforms = number(line, "\"transforms\":");
  if (exponent < 1 || transforms < 1 || posix_memalign(&memory, 64, sizeof(float) << exponent) != 0) return 1;
  /* Zeros stay zeros; the time does not depend on the values as long as none is subnormal. */
  values = memset(memory, 0, sizeof(float) << exponent);
  printf("{\"ready\":{\"build\":\"" BUILD "\",\"compiler\":\"gcc " __VERSION__ "\"}}\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    int count = number(line, "\"run\":");
    printf("{\"milliseconds\":[");
    for (int call = 0; call < count; call++) {
      double started = milliseconds();
      for (int transform = 0; transform < transforms; transform++) fht_float(values, exponent);
      printf("%s%.9f", call == 0 ? "" : ",", (milliseconds() - started) / transforms);
    }
    printf("]}\n");
    fflush(stdout);
  }
  return 0;
}
