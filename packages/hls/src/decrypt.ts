import { createDecipheriv, createHash } from 'node:crypto';
import type { Decipheriv } from 'node:crypto';
import type { BodyTransform } from '@tutti/stream';
import { HlsError, publicUrl } from './hls-error.ts';

/** Bytes of one AES block: what a resumed segment is asked from earlier, as the IV of what follows. */
export const BLOCK_BYTES = 16;

export interface DecryptorOptions {
  readonly key: Uint8Array;
  /** 16 bytes: of the tag, of the media sequence number, or the 16 ciphertext bytes before the first one pushed. */
  readonly iv: Uint8Array;
  /** For messages: URL of the segment. */
  readonly url: string;
}

/**
 * AES-128-CBC with PKCS#7 padding over a segment that arrives in pieces (RFC 8216, 4.3.2.4). Plaintext comes out as
 * ciphertext goes in, in multiples of 16 bytes; the last block is held back until the end proves which bytes are padding.
 */
export class SegmentDecryptor {
  readonly #decipher: Decipheriv;
  readonly #url: string;

  constructor({ key, iv, url }: DecryptorOptions) {
    this.#decipher = createDecipheriv('aes-128-cbc', key, iv);
    this.#url = url;
  }

  /** Plaintext that `ciphertext` completes; may be empty. */
  push(ciphertext: Uint8Array): Uint8Array {
    return this.#decipher.update(ciphertext);
  }

  /** The rest without its padding. Throws `hls/bad-ciphertext` when the padding is none: wrong key or IV, or damage. */
  finish(): Uint8Array {
    try {
      return this.#decipher.final();
    } catch (cause) {
      const message = `segment ${publicUrl(this.#url)} does not decrypt: its key or IV is wrong, or its bytes are damaged`;
      throw new HlsError('hls/bad-ciphertext', message, { url: this.#url, cause });
    }
  }
}

/**
 * Names key and IV without telling them: partial plaintext is continued only under the same name. Hashed together with
 * the IV, so that equal names mean equal pairs.
 */
export function transformId(key: Uint8Array, iv: Uint8Array): string {
  return `aes-128-cbc:${createHash('sha256').update('tutti segment').update(key).update(iv).digest('hex').slice(0, 32)}`;
}

/** Where a decrypting body begins. */
export interface DecryptingOptions {
  readonly url: string;
  /** The body begins one block early: its first 16 bytes are the IV of the rest. */
  readonly beginsWithIv: boolean;
}

/** Decrypts a body on its way into a resource. The key may come later than the transform, but before the first byte. */
export class DecryptingTransform implements BodyTransform {
  readonly #options: DecryptingOptions;
  #key: { readonly key: Uint8Array; readonly iv: Uint8Array; readonly id: string } | undefined;
  #decryptor: SegmentDecryptor | undefined;
  #firstBlock = new Uint8Array(0);

  constructor(options: DecryptingOptions) {
    this.#options = options;
  }

  /** Key, and the IV of the whole segment. */
  unlock(key: Uint8Array, iv: Uint8Array): void {
    this.#key = { key, iv, id: transformId(key, iv) };
  }

  get id(): string {
    return this.#unlocked().id;
  }

  push(chunk: Uint8Array): readonly Uint8Array[] {
    if (this.#decryptor !== undefined) return [this.#decryptor.push(chunk)];
    if (!this.#options.beginsWithIv) return [this.#begin(this.#unlocked().iv).push(chunk)];
    const missing = BLOCK_BYTES - this.#firstBlock.length;
    this.#firstBlock = Buffer.concat([this.#firstBlock, chunk.subarray(0, missing)]);
    if (this.#firstBlock.length < BLOCK_BYTES) return [];
    return [this.#begin(this.#firstBlock).push(chunk.subarray(missing))];
  }

  flush(): readonly Uint8Array[] {
    return [(this.#decryptor ?? this.#begin(this.#unlocked().iv)).finish()];
  }

  #begin(iv: Uint8Array): SegmentDecryptor {
    this.#decryptor = new SegmentDecryptor({ key: this.#unlocked().key, iv, url: this.#options.url });
    return this.#decryptor;
  }

  #unlocked(): { readonly key: Uint8Array; readonly iv: Uint8Array; readonly id: string } {
    if (this.#key === undefined) throw new Error('a decrypting transform was used before it had its key');
    return this.#key;
  }
}
