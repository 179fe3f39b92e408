/**
 * A registry on this machine that has the packed package, in two versions, and asks the real one for all
 * others, once. What is installed from a file or from git is treated otherwise by package managers than what
 * is published: they look at other scripts.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename } from 'node:path';
import { Readable } from 'node:stream';

/**
 * @param packages of one name, the latest first: each as `{ tarball, manifest }`
 * @returns the registry's address, and a function that ends it
 */
export async function startRegistry(packages, upstream) {
  const [{ manifest: latest }] = packages;
  const { name } = latest;
  const files = new Map(
    packages.map(({ tarball }) => [`/${name}/-/${basename(tarball)}`, readFileSync(tarball)]),
  );
  /** What the real registry says of packages, by what was asked: most rows ask for the same. */
  const known = new Map();
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      response.statusCode = 502;
      response.end(String(error));
    });
  });

  async function answer({ url, headers, method }, response) {
    if (files.has(url)) return response.end(files.get(url));
    if (url === `/${name}`) return response.end(JSON.stringify(packument()));
    if (method !== 'GET') {
      response.statusCode = 404; // audits, which nobody needs here
      return response.end();
    }
    const { accept = '*/*' } = headers;
    if (url.endsWith('.tgz')) {
      const { status, body } = await fetch(new URL(url.slice(1), upstream));
      response.statusCode = status;
      return Readable.fromWeb(body).pipe(response);
    }
    const question = `${accept} ${url}`;
    if (!known.has(question)) known.set(question, ask(url, accept));
    const { status, type, text } = await known.get(question).catch((error) => {
      known.delete(question);
      throw error;
    });
    response.statusCode = status;
    response.setHeader('content-type', type);
    response.end(text);
  }

  async function ask(url, accept) {
    const found = await fetch(new URL(url.slice(1), upstream), { headers: { accept } });
    const type = found.headers.get('content-type') ?? 'application/octet-stream';
    // The tarballs of the others come by this registry too, for those who trust other certificates than this
    // process does.
    return { status: found.status, type, text: (await found.text()).replaceAll(upstream, `${address()}/`) };
  }

  function packument() {
    const versions = packages.map(({ tarball, manifest }) => {
      const file = `/${name}/-/${basename(tarball)}`;
      const bytes = files.get(file);
      const dist = {
        tarball: `${address()}${file}`,
        integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
        shasum: createHash('sha1').update(bytes).digest('hex'),
      };
      // As a registry has it: `gypfile` and the scripts of the manifest.
      return [manifest.version, { ...manifest, dist }];
    });
    return {
      name,
      'dist-tags': { latest: latest.version },
      versions: Object.fromEntries(versions),
      time: Object.fromEntries(versions.map(([version]) => [version, '2026-01-01T00:00:00.000Z'])), // some hold back what is new
    };
  }

  const address = () => `http://127.0.0.1:${server.address().port}`;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: address(), end: () => server.close() };
}
