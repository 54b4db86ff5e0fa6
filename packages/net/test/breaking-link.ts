import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type LookupFunction, type Server, type Socket } from 'node:net';

/** How a link is down: nobody listens, whoever connects is reset, or nothing passes any more; or names are not found. */
export type Outage = 'refused' | 'reset' | 'black-holed' | 'dns';

/** A way to a server on this machine that can break. */
export class BreakingLink implements AsyncDisposable {
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #outage: Outage | undefined;
  /** Connections that came in, refused ones not counted. */
  connections = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  static async to(targetPort: number): Promise<BreakingLink> {
    const link = new BreakingLink(targetPort);
    await link.#listen();
    return link;
  }

  get port(): number {
    return this.#port;
  }

  /** Finds `*.test` on this machine, while names are found at all. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    if (this.#outage === 'dns') callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' }), []);
    else if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else callback(null, '127.0.0.1', 4);
  };

  /** Breaks the link, connections under way included. */
  async goDown(outage: Outage): Promise<void> {
    this.#outage = outage;
    if (outage === 'black-holed') {
      for (const socket of this.#sockets) socket.unpipe().pause();
      return;
    }
    if (outage === 'refused') await this.#stop();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async comeUp(): Promise<void> {
    this.#outage = undefined;
    if (this.#server === undefined) await this.#listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.#stop();
  }

  async #listen(): Promise<void> {
    const server = createServer((socket) => this.#join(socket));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  #join(client: Socket): void {
    this.connections += 1;
    this.#keep(client);
    if (this.#outage === 'reset') return void client.resetAndDestroy();
    if (this.#outage === 'black-holed') return;
    const origin = connect(this.#targetPort, '127.0.0.1');
    this.#keep(origin);
    client.pipe(origin);
    origin.pipe(client);
    client.once('close', () => origin.destroy());
    origin.once('close', () => client.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
