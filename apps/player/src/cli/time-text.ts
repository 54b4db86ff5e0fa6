import { InvalidArgumentError } from 'commander';

/** Seconds from `90`, `1.5`, `1:30`, `1:02:03.5`, or with a unit: `90s`, `2m`, `1h`, `250ms`. */
export function parseTime(text: string): number {
  const unit = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const factor = { ms: 0.001, s: 1, m: 60, h: 3600 }[unit?.[2] ?? 's'] ?? Number.NaN;
  const seconds = unit === null ? parseClock(text) : Number(unit[1]) * factor;
  if (!Number.isFinite(seconds)) throw new InvalidArgumentError('A time is like 90, 1:30, 1:02:03.5, 90s, 2m or 250ms.');
  return seconds;
}

function parseClock(text: string): number {
  if (!/^\d+(:[0-5]?\d){1,2}(\.\d+)?$/.test(text)) return Number.NaN;
  return text.split(':').reduce((total, part) => total * 60 + Number(part), 0);
}

/** `1:05`, `1:02:03`; `-:--` when unknown. */
export function formatTime(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return '-:--';
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, String(whole % 60).padStart(2, '0')];
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}
