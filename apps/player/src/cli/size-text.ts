import { InvalidArgumentError } from 'commander';

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Bytes for people: `14 B`, `1.4 MiB`. */
export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined) return '?';
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Bytes from `500000`, `500k`, `1.5M`, `10GiB`; units are powers of 1024. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?$/i.exec(text);
  const power = ['', 'k', 'm', 'g', 't'].indexOf((match?.[2] ?? '').toLowerCase());
  if (match === null || power < 0) throw new InvalidArgumentError('A size is like 500000, 500k, 1.5M or 10GiB.');
  return Math.round(Number(match[1]) * 1024 ** power);
}
