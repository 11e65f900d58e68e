import { createServer } from 'node:net';

/**
 * A TCP port that was free on every interface just now. Somebody else may take it before the server does: it then fails
 * to bind, and the stage's next attempt gets another one.
 */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port: 0, exclusive: true }, () => {
      const address = server.address();
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}
