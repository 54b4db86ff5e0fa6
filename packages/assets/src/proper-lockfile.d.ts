/** The part of proper-lockfile 4 that is used here; the package ships no types. */
declare module 'proper-lockfile' {
  interface LockOptions {
    readonly realpath: boolean;
    readonly lockfilePath: string;
    readonly stale: number;
    readonly update: number;
    readonly onCompromised: (error: Error) => void;
  }
  const lockfile: { lock(file: string, options: LockOptions): Promise<() => Promise<void>> };
  export default lockfile;
}
