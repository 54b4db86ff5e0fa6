import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/**
 * Whether this machine may have something to play on, found out without the audio library. On a Linux machine without cards and
 * sound servers, ALSA would otherwise print a page of its own errors to the terminal. In doubt: yes.
 */
export function mayHaveSound(environment: Readonly<Record<string, string | undefined>> = process.env): boolean {
  if (process.platform !== 'linux') return true;
  const runtime = environment['XDG_RUNTIME_DIR'] ?? `/run/user/${process.getuid?.() ?? 0}`;
  const servers = [
    path.join(runtime, 'pulse/native'),
    path.join(runtime, 'pipewire-0'),
    '/var/run/pulse/native',
    path.join(homedir(), '.asoundrc'),
    '/etc/asound.conf',
  ];
  const isConfigured = ['PULSE_SERVER', 'ALSA_CONFIG_PATH', 'PIPEWIRE_REMOTE', 'JACK_DEFAULT_SERVER'].some(
    (name) => environment[name] !== undefined,
  );
  return isConfigured || servers.some((place) => existsSync(place)) || hasCard() || hasJackServer();
}

function hasCard(): boolean {
  try {
    return /^\s*\d+\s*\[/m.test(readFileSync('/proc/asound/cards', 'utf8'));
  } catch {
    return false;
  }
}

/** A running server keeps semaphores for its clients; a mere client leaves other `jack` files behind. */
function hasJackServer(): boolean {
  try {
    return readdirSync('/dev/shm').some((name) => name.startsWith('jack_sem'));
  } catch {
    return false;
  }
}
