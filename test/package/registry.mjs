/**
 * A registry on this machine that has the packed package, and asks the real one for all others. What is
 * installed from a file or from git is treated otherwise by package managers than what is published: they
 * look at other scripts.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename } from 'node:path';
import { Readable } from 'node:stream';

/** @returns the registry's address, and a function that ends it */
export async function startRegistry(tarball, manifest, upstream) {
  const bytes = readFileSync(tarball);
  const { name, version } = manifest;
  const file = `/${name}/-/${basename(tarball)}`;
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      response.statusCode = 502;
      response.end(String(error));
    });
  });

  async function answer({ url, headers, method }, response) {
    if (url === file) return response.end(bytes);
    if (url === `/${name}`) return response.end(JSON.stringify(packument()));
    if (method !== 'GET') {
      response.statusCode = 404; // audits, which nobody needs here
      return response.end();
    }
    const { accept = '*/*' } = headers;
    const found = await fetch(new URL(url.slice(1), upstream), { headers: { accept } });
    response.statusCode = found.status;
    const type = found.headers.get('content-type') ?? 'application/octet-stream';
    response.setHeader('content-type', type);
    // The tarballs of the others come by this registry too, for those who trust other certificates than this
    // process does.
    if (type.includes('json')) response.end((await found.text()).replaceAll(upstream, `${address()}/`));
    else if (found.body) Readable.fromWeb(found.body).pipe(response);
    else response.end();
  }

  function packument() {
    const dist = {
      tarball: `${address()}${file}`,
      integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
      shasum: createHash('sha1').update(bytes).digest('hex'),
    };
    // As a registry has it: `gypfile` and the scripts of the manifest, and whether npm would run some at
    // installation.
    return {
      name,
      'dist-tags': { latest: version },
      versions: { [version]: { ...manifest, dist } },
      time: { [version]: '2026-01-01T00:00:00.000Z' }, // some hold back what is new
    };
  }

  const address = () => `http://127.0.0.1:${server.address().port}`;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: address(), end: () => server.close() };
}
