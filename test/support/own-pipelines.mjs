// Pipelines as a project would write them, for the tests of the engine: jobs write down their own starts, as
// `shellJob` of stack.ts has them do, and when they began and ended.
import { approvalStage, artifact, codeStage, definePipeline, jobStage } from 'modelferry/workflow';

const corpus = artifact('dataset');
const score = artifact('evaluation', { layout: 'text' });

/** `$WHEN` gets a line at its start and one at its end, so that overlaps can be counted. */
const shell = (script, extra = {}) => ({
  command: ['sh', '-ec', `echo "$FERRY_JOB_KEY" >> "$RECORDS"; echo "+ $FERRY_STAGE" >> "$RECORDS.when"; ${script}; echo "- $FERRY_STAGE" >> "$RECORDS.when"`],
  backoff: '300 ms',
  failures: 1,
  ...extra,
});
const makes = (name) => `mkdir -p "$FERRY_OUTPUT_DIR/${name}"; grep -o '"item": *"[^"]*"' "$FERRY_PARAMS_FILE" > "$FERRY_OUTPUT_DIR/${name}/data" || echo ${name} > "$FERRY_OUTPUT_DIR/${name}/data"`;

const prepare = jobStage({ produces: { corpus }, job: shell(makes('corpus')) });
/** The item `bad` fails in its first attempt of each round; `slow` takes a while. */
const SCRIPT = `case "$FERRY_STAGE" in *-bad) [ "$FERRY_ATTEMPT" -gt 1 ] || exit 78;; *-slow) sleep 30;; *) sleep 0.5;; esac; ${makes('score')}`;
const evaluate = jobStage({ consumes: { corpus }, produces: { score }, job: shell(SCRIPT, { params: { shots: 0 } }) });
const summarise = jobStage({ consumes: { scores: { ...score, many: true } }, produces: { summary: artifact('summary') }, job: shell(`env | grep ^FERRY_INPUT_ | sort | cut -d= -f1 > "$RECORDS.inputs"; ${makes('summary')}`) });
const approve = approvalStage({ consumes: { summary: artifact('summary') } });

export const fanOut = definePipeline({
  name: 'fanOut',
  stages: { prepare, evaluate, summarise, approve },
  run: async (stages, { params }) => {
    const { corpus } = await stages.prepare();
    const results = await stages.evaluate.each(params.items, { corpus }, { limit: params.limit });
    const { summary } = await stages.summarise({ scores: results.map((result) => result.score) });
    await stages.approve({ summary });
  },
});

/** Two stages at once, one of which nobody waits for, and one that is not taken. */
export const sideBySide = definePipeline({
  name: 'sideBySide',
  stages: { prepare, left: jobStage({ consumes: { corpus }, produces: { left: score }, job: shell(`sleep 1; ${makes('left')}`) }), right: jobStage({ produces: { right: score }, job: shell(`sleep 2; ${makes('right')}`) }), never: codeStage({ run: async () => ({}) }) },
  run: async (stages) => {
    void stages.right();
    const { corpus } = await stages.prepare();
    await stages.left({ corpus });
  },
});

/** What nobody waits for: a stage that fails at once, and a fan-out that goes on when the body has ended. */
export const unwatched = definePipeline({
  name: 'unwatched',
  stages: { prepare: jobStage({ produces: { corpus }, job: shell(`sleep 3; ${makes('corpus')}`) }), evaluate, bad: jobStage({ job: shell('[ "$FERRY_ROUND" = 1 ] && exit 78') }) },
  run: async (stages, { params }) => {
    if (params.bad) void stages.bad();
    const { corpus } = await stages.prepare();
    const taken = stages.evaluate.each(params.items, { corpus }, { limit: 1 });
    if (params.bad) await taken;
  },
});

/** A stage of code: it waits by the run's own clock and says what it found. */
export const codeOnly = definePipeline({
  name: 'codeOnly',
  stages: {
    pause: codeStage({
      title: 'Pause',
      run: async ({ ctx, name }) => {
        await ctx.sleepUntil(`pause:${name}`, new Date(Date.parse(ctx.state.startedAt) + 1500).toISOString(), 'Waiting for a moment');
        return { figures: { waited: 'yes' } };
      },
    }),
  },
  run: async (stages) => void (await stages.pause()),
});
