import type { Engine } from '../engine/engine.ts';

/** One press of an arrow key moves this far. */
const seekStepSeconds = 10;
const volumeStepDb = 3;
const minVolumeDb = -96;

/** Lets a person at a terminal steer: space, ←/→, +/−, n, p, q. Does nothing when stdin is not a terminal. */
export function listenToKeys(engine: Engine): Disposable {
  const { stdin } = process;
  if (!stdin.isTTY) return { [Symbol.dispose]() {} };
  const onKey = (key: string): void => press(engine, key);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stdin.on('data', onKey);
  return {
    [Symbol.dispose]() {
      stdin.off('data', onKey);
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}

function press(engine: Engine, key: string): void {
  switch (key) {
    case ' ':
      if (engine.isPaused) engine.resume();
      else engine.pause();
      return;
    case '\u001B[D':
      engine.seekBy(-seekStepSeconds);
      return;
    case '\u001B[C':
      engine.seekBy(seekStepSeconds);
      return;
    case '+':
    case '=':
      engine.setVolume(Math.min(0, engine.volumeDb + volumeStepDb));
      return;
    case '-':
      engine.setVolume(Math.max(minVolumeDb, engine.volumeDb - volumeStepDb));
      return;
    case 'n':
      engine.next();
      return;
    case 'p':
      engine.previous();
      return;
    case 'q':
      engine.stop();
      return;
    case '\u0003':
      // Raw mode swallows Ctrl-C: hand it on.
      process.kill(process.pid, 'SIGINT');
      return;
    default:
  }
}
