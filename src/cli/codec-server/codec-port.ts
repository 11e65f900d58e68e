/** Where `ferry codec-server` listens by default, and where the Web UI of `ferry dev` looks for it. */
export const CODEC_PORT = 8081;
