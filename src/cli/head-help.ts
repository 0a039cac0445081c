import { AUTO_BIAS_CLASSES, headKinds } from '../heads/spec.ts';

/** What `--head` takes, in a line. */
export const headChoices = `${headKinds.join(', ')}; options behind colons`;

/** What heads there are and what may be asked of them: the end of a command's help. */
export const headHelp = `
Heads, for C classes on N features (C > N: hadamard, coset, random, custom, and the learned ones):
  learned                  W·x + b, trained: the baseline
  cosine                   trained, with class vectors and features of unit length
  hadamard[:exact=on]      rows of a Hadamard matrix, ±rows or cosets, what C needs; exact: only of order N itself
  biorthogonal             rows of a Hadamard matrix and their negatives, C ≤ 2N
  coset[:signs=on]         rows of many sign-changed Hadamard matrices; signs: and their negatives
  simplex                  all cosines −1/(C − 1), C ≤ N + 1
  orthonormal[:seed=0]     random orthonormal vectors, C ≤ N
  random[:seed=0][:directions=signs|gaussian]   independent random vectors, any C
  custom:file=PATH         one row a class, from .npy, .csv or .safetensors
Options of all: scale=learned|NUMBER, bias=auto|on|off (auto: up to ${AUTO_BIAS_CLASSES} classes), loss=cross-entropy|cosine,
center=auto|bn|none (batch-normalise features first), cosface=MARGIN or arcface=RADIANS.
As in hadamard:scale=10:bias=off, coset:signs=on:cosface=0.2, random:directions=gaussian:seed=3.
`;
