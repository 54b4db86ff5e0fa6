import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';

/** Both sides' random values of one connection, base64url. */
export interface Nonces {
  readonly host: string;
  readonly node: string;
}

/** What the two ends of a control channel prove to each other. */
export type Prover = 'host' | 'node';

const KEY_BYTES = 32;
const NONCE_BYTES = 16;

/**
 * The keys of one party, derived from the secret of its invitation with HKDF-SHA-256 (RFC 5869), each for one purpose: who learns
 * one of them learns neither the others nor the secret. The secret itself is never sent.
 */
export class PartyKeys {
  readonly #secret: Uint8Array;
  readonly #control: Uint8Array;

  constructor(secret: Uint8Array) {
    this.#secret = secret;
    this.#control = this.#derive('control', '');
  }

  /** Bearer token of media requests, as it stands in the header. */
  get mediaToken(): string {
    return Buffer.from(this.#derive('media', '')).toString('base64url');
  }

  /** Key of one connection's clock datagrams: a datagram of an earlier connection is worth nothing on this one. */
  clockKey({ host, node }: Nonces): Uint8Array {
    return this.#derive('clock', `${host} ${node}`);
  }

  /** Proof that `prover` has the secret, for this session and these nonces only. */
  proof(prover: Prover, sessionId: string, { host, node }: Nonces): string {
    return createHmac('sha256', this.#control).update(`tutti ${prover} ${sessionId} ${host} ${node}`).digest('base64url');
  }

  /** Whether `proof` is what `prover` would have sent. Takes the same time for every wrong proof. */
  isProof(proof: string, prover: Prover, sessionId: string, nonces: Nonces): boolean {
    return isSameText(proof, this.proof(prover, sessionId, nonces));
  }

  #derive(purpose: string, salt: string): Uint8Array {
    return new Uint8Array(hkdfSync('sha256', this.#secret, salt, `tutti party ${purpose}`, KEY_BYTES));
  }
}

/** A value that was never used before. */
export function createNonce(): string {
  return randomBytes(NONCE_BYTES).toString('base64url');
}

/** Compares secrets without telling by its duration where they differ. */
export function isSameText(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
