import * as z from 'zod';

/** Python writes a number that is none as `NaN`, which is read as null. */
const Figure = z.number().nullish();

/**
 * `trainer_state.json` as the Hugging Face Trainer leaves it in a checkpoint (`transformers.TrainerState`), as far as a
 * report needs it. An entry of `log_history` has `loss` or `eval_loss`; the last one sums up and has neither.
 */
export const TrainerState = z.looseObject({
  global_step: z.number().int().nonnegative(),
  max_steps: z.number().int().optional(),
  epoch: Figure,
  log_history: z.array(z.looseObject({ step: z.number().int().nonnegative(), loss: Figure, eval_loss: Figure, learning_rate: Figure })),
});
export type TrainerState = z.infer<typeof TrainerState>;
