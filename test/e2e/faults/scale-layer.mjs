// A seeded fault: multiplies every BF16 tensor whose name begins with a prefix, in all shards of a folder.
// usage: node scale-layer.mjs FOLDER PREFIX FACTOR
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, prefix, factor] = process.argv.slice(2);
let scaled = 0;
for (const name of readdirSync(folder).filter((file) => file.endsWith('.safetensors'))) {
  const bytes = readFileSync(join(folder, name));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  for (const [tensor, { dtype, data_offsets: [from, to] = [0, 0] }] of Object.entries(header)) {
    if (!tensor.startsWith(prefix) || dtype !== 'BF16') continue;
    scaled += 1;
    for (let at = 8 + length + from; at < 8 + length + to; at += 2) {
      const value = new DataView(new Uint32Array([bytes.readUInt16LE(at) << 16]).buffer).getFloat32(0, true) * Number(factor);
      bytes.writeUInt16LE(new Uint32Array(new Float32Array([value]).buffer)[0] >>> 16, at);
    }
  }
  writeFileSync(join(folder, name), bytes);
}
if (scaled === 0) throw new Error(`no BF16 tensor begins with ${prefix}`);
console.log(`scaled ${scaled} tensors by ${factor}`);
