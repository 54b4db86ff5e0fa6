/** One module of undici, whose whole takes longer to load than a short command may run. */
declare module 'undici/lib/dispatcher/agent.js' {
  import { Agent } from 'undici';
  export default Agent;
}
