import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { downloadFile } from './download.ts';
import type { DataProgress } from './progress.ts';
import { temporaryFolder } from '../../test/fixtures/data/files.ts';

const content = Buffer.from(Array.from({ length: 5000 }, (_, place) => (place * 31) % 251));
const md5 = createHash('md5').update(content).digest('hex');

/** A server on this machine; gives its address and the `Range` header of each request so far. */
async function serve(listener: RequestListener): Promise<{ url: string; ranges: (string | undefined)[] }> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.bin`, ranges };
}

/** An address of this machine at which nobody listens any more. */
async function nobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}/file.bin`;
}

/** Answers ranges as a well-behaved file server does. */
const wellBehaved: RequestListener = (request, response) => {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (request.headers.range === undefined) {
    response.writeHead(200, { 'content-length': content.length }).end(content);
  } else if (start >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
  } else {
    const range = `bytes ${start}-${content.length - 1}/${content.length}`;
    response
      .writeHead(206, { 'content-length': content.length - start, 'content-range': range })
      .end(content.subarray(start));
  }
};

describe('downloadFile', () => {
  test('writes the file and reports progress', async () => {
    const folder = await temporaryFolder();
    const destination = join(folder, 'new', 'file.bin');
    const { url, ranges } = await serve(wellBehaved);
    const seen: DataProgress[] = [];
    await downloadFile({ urls: [url], destination, md5, onProgress: (progress) => seen.push(progress) });
    expect(await readFile(destination)).toEqual(content);
    expect(await readdir(join(folder, 'new'))).toEqual(['file.bin']);
    expect(ranges).toEqual([undefined]);
    expect(seen[0]).toEqual({ phase: 'download', what: 'file.bin', done: 0, total: 5000, unit: 'bytes' });
    expect(seen.at(-1)?.done).toBe(5000);
  });

  test('keeps what has arrived of a broken connection and continues it', async () => {
    const destination = join(await temporaryFolder(), 'file.bin');
    let broken = false;
    const { url, ranges } = await serve((request, response) => {
      if (broken) {
        wellBehaved(request, response);
        return;
      }
      broken = true;
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 1234), () => setTimeout(() => response.destroy(), 50));
    });
    await expect(downloadFile({ urls: [url], destination, md5 })).rejects.toThrow(
      /cannot download file\.bin; received http.*the connection broke after 1234 of 5000 bytes.*what has arrived is kept/,
    );
    expect((await readFile(`${destination}.part`)).length).toBe(1234);
    await downloadFile({ urls: [url], destination, md5 });
    expect(ranges).toEqual([undefined, 'bytes=1234-']);
    expect(await readFile(destination)).toEqual(content);
  });

  test('starts again where the kept part is of another file, is whole, or is longer than the file', async () => {
    const destination = join(await temporaryFolder(), 'file.bin');
    const { url, ranges } = await serve(wellBehaved);
    for (const [part, expected] of [
      [Buffer.alloc(1000, 'x'), ['bytes=1000-', undefined]],
      [content, ['bytes=5000-']],
      [Buffer.alloc(9000), ['bytes=9000-', undefined]],
    ] as const) {
      ranges.length = 0;
      await writeFile(`${destination}.part`, part);
      await downloadFile({ urls: [url], destination, md5 });
      expect(ranges).toEqual(expected);
      expect(await readFile(destination)).toEqual(content);
    }
  });

  test('takes the whole file from a server that knows no ranges', async () => {
    const destination = join(await temporaryFolder(), 'file.bin');
    const { url } = await serve((_, response) => response.writeHead(200).end(content));
    await writeFile(`${destination}.part`, Buffer.alloc(100));
    await downloadFile({ urls: [url], destination, md5 });
    expect(await readFile(destination)).toEqual(content);
  });

  test('refuses a file with the wrong checksum and keeps nothing of it', async () => {
    const folder = await temporaryFolder();
    const { url } = await serve(wellBehaved);
    const wrong = '0'.repeat(32);
    await expect(downloadFile({ urls: [url], destination: join(folder, 'file.bin'), md5: wrong })).rejects.toThrow(
      `wrong checksum: expected MD5 ${wrong}, received ${md5}`,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  test('tries the next address, and names every failure', async () => {
    const folder = await temporaryFolder();
    const { url: missing } = await serve((_, response) => response.writeHead(404).end('no'));
    const { url: good } = await serve(wellBehaved);
    const refused = await nobody();
    await downloadFile({ urls: [missing, refused, good], destination: join(folder, 'a.bin'), md5 });
    expect(await readFile(join(folder, 'a.bin'))).toEqual(content);
    await expect(downloadFile({ urls: [missing, refused], destination: join(folder, 'b.bin'), md5 })).rejects.toThrow(
      /file\.bin: the server answered 404 Not Found, then http:\/\/127\.0\.0\.1:\d+\/file\.bin: fetch failed \(connect ECONNREFUSED.*\); check the network .* put it at .*b\.bin/,
    );
    expect(await readdir(folder)).toEqual(['a.bin']);
  });
});
