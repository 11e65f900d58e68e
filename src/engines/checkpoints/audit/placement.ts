import type { Findings } from './findings.js';
import type { AuditedTensor, AuditedWeights } from './weights.js';

export interface Placement {
  missing: string[];
  unexpected: string[];
  duplicated: string[];
  /** Tensors that both sides have exactly once. */
  pairs: { source: AuditedTensor; target: AuditedTensor }[];
}

/** Accounts for every tensor of both sides, and holds the target's index against its shards. */
export function auditPlacement(source: AuditedWeights, target: AuditedWeights, findings: Findings): Placement {
  for (const problem of source.problems) findings.unsure(`source: ${problem}`);
  for (const problem of target.problems) findings.fault(problem);
  for (const file of target.unmarked) findings.fault(`${file}: its header has no __metadata__ {"format":"pt"}, without which loaders refuse it`);
  const placement: Placement = { missing: [], unexpected: [], duplicated: [], pairs: [] };
  for (const [name, [first, ...others]] of source.tensors) {
    if (others.length > 0) findings.unsure(`source: the tensor ${name} is there ${others.length + 1} times`);
    const [there, ...more] = target.tensors.get(name) ?? [];
    if (there === undefined) placement.missing.push(name);
    else if (more.length === 0 && others.length === 0 && first !== undefined) placement.pairs.push({ source: first, target: there });
  }
  for (const [name, places] of target.tensors) {
    if (!source.tensors.has(name)) placement.unexpected.push(name);
    if (places.length > 1) placement.duplicated.push(name);
  }
  for (const [what, names] of [['missing from the target', placement.missing], ['not in the source', placement.unexpected], ['in the target more than once', placement.duplicated]] as const) {
    if (names.length > 0) findings.fault(`${names.length} ${names.length === 1 ? 'tensor is' : 'tensors are'} ${what}: ${names.slice(0, 3).join(', ')}${names.length > 3 ? ' …' : ''}`);
  }
  if (source.tensors.size === 0) findings.unsure('source: no tensor was found');
  else if (placement.pairs.length === source.tensors.size && placement.pairs.length === target.tensors.size) findings.held(`each of ${source.tensors.size} tensors is in the target exactly once`);
  auditIndex(target, findings);
  return placement;
}

function auditIndex(target: AuditedWeights, findings: Findings): void {
  const { index } = target;
  if (index === undefined) {
    const alone = target.files.length === 1 && target.files[0] === 'model.safetensors';
    if (!alone) findings.fault(`${target.files.length} files of weights and no model.safetensors.index.json`);
    return;
  }
  const faults: string[] = [];
  const named = new Set(index.weightMap.values());
  for (const file of named) if (!target.files.includes(file)) faults.push(`names the shard ${file}, which is not there`);
  for (const file of target.files) if (!named.has(file)) faults.push(`does not name ${file}`);
  for (const [name, file] of index.weightMap) if (target.tensors.get(name)?.every((tensor) => tensor.file !== file) ?? true) faults.push(`puts ${name} into ${file}, which does not hold it`);
  for (const name of target.tensors.keys()) if (!index.weightMap.has(name)) faults.push(`does not name the tensor ${name}`);
  const of = [...named].map((file) => /-(\d+)-of-(\d+)\.safetensors$/.exec(file));
  if (of.some((match) => match !== null && Number(match[2]) !== named.size)) faults.push(`names ${named.size} shards, whose names count another number`);
  if (index.totalSize !== target.bytes) faults.push(`gives total_size ${index.totalSize ?? 'nowhere'}, and the tensors have ${target.bytes} bytes`);
  for (const fault of faults) findings.fault(`model.safetensors.index.json ${fault}`);
  if (faults.length === 0) findings.held(`the index agrees with ${named.size} shards, and its total_size with their bytes`);
}
