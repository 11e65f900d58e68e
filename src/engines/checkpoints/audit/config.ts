import { join } from 'node:path';
import { auditAgreement } from './agreement.js';
import type { Findings } from './findings.js';
import { isObject, messageOf, readText } from './weights.js';
import type { AuditedWeights } from './weights.js';

const MAX_CONFIG_BYTES = 4_000_000;
const MAX_DEPTH = 64;

/**
 * config.json: equal but for the fields that name a dtype, which must be `torchDtype`, outermost `torch_dtype` among
 * them; and what it says of the weights must hold of the target's.
 */
export async function auditConfig(source: string, target: AuditedWeights, torchDtype: string, findings: Findings): Promise<void> {
  let before: unknown;
  try {
    before = await readConfig(source);
  } catch (error) {
    findings.unsure(`the source's config.json could not be read: ${messageOf(error)}`);
    return;
  }
  try {
    const after = await readConfig(target.folder);
    const faults: string[] = [];
    if (!isObject(after) || after['torch_dtype'] !== torchDtype) faults.push(`torch_dtype is not ${torchDtype}`);
    compare(before, after, [], { torchDtype, faults });
    for (const fault of faults) findings.fault(`config.json: ${fault}`);
    if (faults.length === 0) findings.held(`config.json is the source's but for its dtype, ${torchDtype}`);
    auditAgreement(after, target, findings);
  } catch (error) {
    findings.fault(`config.json: ${messageOf(error)}`);
  }
}

/**
 * The parsed file with each number as its text: a number that is printed anew (10000.0 as 10000, 2^53 + 1 as 2^53) is
 * a change, and the NaN and Infinity that Python writes are no JSON. A string that never ends is taken to the text's
 * end, or each quote in it would be tried as a beginning.
 */
async function readConfig(folder: string): Promise<unknown> {
  const text = await readText(join(folder, 'config.json'), MAX_CONFIG_BYTES);
  const value: unknown = JSON.parse(text.replace(/"[^"\\]*(?:\\.?[^"\\]*)*(?:"|$)|-?(?:\d[\d.eE+-]*|Infinity)|NaN/gs, (token) => (token.startsWith('"') ? token : `"number ${token}"`)));
  if (isDeeperThan(value, MAX_DEPTH)) throw new Error(`is nested deeper than ${MAX_DEPTH} levels`);
  return value;
}

const isDeeperThan = (value: unknown, levels: number): boolean => typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1)));

function compare(before: unknown, after: unknown, path: readonly string[], to: { torchDtype: string; faults: string[] }): void {
  if (!isObject(before) || !isObject(after)) {
    if (JSON.stringify(before) !== JSON.stringify(after)) to.faults.push(`${path.join('.') || 'the whole'} changed from ${show(before)} to ${show(after)}`);
    return;
  }
  const mayName = path.every((key) => key.endsWith('_config'));
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const at = [...path, key];
    if (mayName && (key === 'torch_dtype' || key === 'dtype')) {
      const added = !Object.hasOwn(before, key) && !(key === 'torch_dtype' && path.length === 0);
      if (after[key] !== to.torchDtype || added) to.faults.push(`${at.join('.')} is ${show(after[key])}`);
    } else {
      compare(before[key], after[key], at, to);
    }
  }
}

const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60));
