import { ClientError, EXIT_UNREACHABLE, EXIT_USAGE } from '../../client/errors.js';
import { ServerNotFoundError } from '../../engines/temporal-server/find-server.js';
import { PortTakenError } from '../../engines/temporal-server/ports.js';
import { ServerStartError } from '../../engines/temporal-server/server-process.js';

/** The engines know no exit codes. A port is a matter of usage; the rest may work the next time. */
export function withExitCode(error: unknown): unknown {
  if (!(error instanceof PortTakenError || error instanceof ServerNotFoundError || error instanceof ServerStartError)) return error;
  const exitCode = error instanceof PortTakenError ? EXIT_USAGE : EXIT_UNREACHABLE;
  return new ClientError({ code: error.code, message: error.message, hint: error.hint, exitCode, cause: error });
}
