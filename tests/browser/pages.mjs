// The web site whose pages subscribe to a walpiper: another origin than walpiper's own.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { root } from '../integration/harness/lib.mjs';

const library = join(root, 'tests/node_modules/@microsoft/fetch-event-source/lib/esm');
const icon = '<link rel="icon" href="data:,">'; // else the browser asks for one
const page = `<!doctype html><title>A page of the tests</title>${icon}<script src="/subscriber.js"></script>`;

/** What a path gives: [type, text]. The library's modules import each other without an extension. */
function file(path) {
  if (path === '/') return ['text/html', page];
  if (path === '/subscriber.js') return ['text/javascript', readFileSync(new URL('subscriber.js', import.meta.url))];
  const [, name] = path.match(/^\/library\/(index|fetch|parse)$/) ?? [];
  return name && ['text/javascript', readFileSync(join(library, `${name}.js`))];
}

/** COOKIE(): what is set with each answer to `/`. */
export async function site(scene, { cookie } = {}) {
  const server = createServer((request, response) => {
    const [type, text] = file(request.url) ?? [];
    const headers = { 'Content-Type': type ?? 'text/plain', ...(cookie && request.url === '/' && { 'Set-Cookie': cookie() }) };
    response.writeHead(type ? 200 : 404, headers).end(text);
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  scene.defer(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address();
  return { origin: `http://127.0.0.1:${port}`, otherOrigin: `http://localhost:${port}` };
}
