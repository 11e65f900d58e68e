/** Media types of the OCI image specification 1.1 and of the CNCF ModelPack model specification v1, and our own. */
export const MEDIA = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  empty: 'application/vnd.oci.empty.v1+json',
  model: 'application/vnd.cncf.model.manifest.v1+json',
  modelConfig: 'application/vnd.cncf.model.config.v1+json',
  /** An artifact that people judged by, such as an evaluation. */
  evidence: 'application/vnd.modelferry.evidence.v1',
  /** `release.json`: what was approved, by whom. */
  record: 'application/vnd.modelferry.release.v1+json',
} as const;

export const ANNOTATION = {
  title: 'org.opencontainers.image.title',
  version: 'org.opencontainers.image.version',
  refName: 'org.opencontainers.image.ref.name',
  /** Where tools of ModelPack put a layer's file. */
  modelFile: 'org.cncf.model.filepath',
  run: 'io.modelferry.run',
  runUid: 'io.modelferry.run.uid',
  /** Name of a piece of evidence in the run, such as `quality`. */
  evidence: 'io.modelferry.evidence',
  artifactKind: 'io.modelferry.artifact.kind',
  /** Of the artifact in the store: the digest of its manifest of paths, sizes and hashes. */
  artifactDigest: 'io.modelferry.artifact.digest',
} as const;

const DOC = /^(?:readme|license|licence|notice|copying|changelog|model_?card)(?:\.[a-z]+)?$|\.(?:md|rst|pdf)$/i;
const CODE = /\.(?:py|sh|js|mjs|ts|c|cc|cpp|cu|h|hpp|so|rs|go)$/i;
const CONFIG = /\.(?:json|jsonl|ya?ml|toml|ini|cfg|txt|jinja2?|proto)$|^tokenizer\.model$|\.tiktoken$/i;

/** What ModelPack calls a file of a model, told by its name; what no rule names is taken for weights. */
export function modelLayerType(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const part = DOC.test(name) ? 'doc' : CODE.test(name) ? 'code' : CONFIG.test(name) ? 'weight.config' : 'weight';
  return `application/vnd.cncf.model.${part}.v1.raw`;
}

/** The media type of a file of evidence, for whoever shows it. */
export function evidenceLayerType(path: string): string {
  if (path.endsWith('.json')) return 'application/json';
  if (path.endsWith('.md')) return 'text/markdown';
  return 'application/octet-stream';
}
