import type { Consumed, Produced } from '../../domain/pipeline.js';
import type { StageCall, StageDefinition, StageResult } from '../stage.js';

/** A stage of workflow code, as code declares it. */
export interface CodeStageOptions<C extends Readonly<Record<string, Consumed>>, P extends Readonly<Record<string, Produced>>> {
  title?: string;
  consumes?: C;
  produces?: P;
  /** Deterministic workflow code: it may call activities of your own. Every wait goes through `call.ctx`; called anew after each interruption. */
  run: (call: StageCall) => Promise<StageResult | undefined>;
}

/** A stage whose body is workflow code of your own instead of a job: an activity to call, a time to wait for, a choice. */
export function codeStage<const C extends Readonly<Record<string, Consumed>> = Record<never, never>, const P extends Readonly<Record<string, Produced>> = Record<never, never>>({
  title = 'Step',
  consumes,
  produces,
  run,
}: CodeStageOptions<C, P>): StageDefinition<C, P> {
  return { description: { title, section: 'none', consumes: consumes ?? ({} as C), produces: produces ?? ({} as P), defaults: {} }, run };
}
