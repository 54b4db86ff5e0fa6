import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

export interface LoopbackOrigin extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly baseUrl: string;
}

const contentTypes: Readonly<Record<string, string>> = {
  '.m3u8': 'application/vnd.apple.mpegurl',
  '.m4s': 'video/iso.segment',
  '.mp4': 'audio/mp4',
};

/** Serves the files of one folder, by name, to this machine only. A `preferredPort` in use gives way to any free one. */
export async function serveFolder(folder: string, preferredPort: number): Promise<LoopbackOrigin> {
  const names = new Set(await readdir(folder, { recursive: true }));
  const server = createServer((request, response) => {
    const name = decodeURIComponent((request.url ?? '/').slice(1).split('?')[0] ?? '');
    // Only names that were listed exist: nothing outside the folder can be asked for.
    if (names.has(path.normalize(name))) void sendFile(path.join(folder, name), response);
    else response.writeHead(404).end();
  });
  const port = await listen(server, preferredPort).catch(() => listen(server, 0));
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

async function sendFile(file: string, response: ServerResponse): Promise<void> {
  try {
    const { size, mtimeMs } = await stat(file);
    response.writeHead(200, {
      'content-type': contentTypes[path.extname(file)] ?? 'application/octet-stream',
      'content-length': size,
      etag: `"${size.toString(16)}-${Math.round(mtimeMs).toString(16)}"`,
    });
    await pipeline(createReadStream(file), response);
  } catch {
    // The listener went away, or the file did: the connection says so.
    response.destroy();
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
