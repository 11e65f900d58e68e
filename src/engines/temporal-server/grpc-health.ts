import { connect, constants } from 'node:http2';

/** One question and its answer; a server that is up takes milliseconds. */
const CALL_TIMEOUT_MS = 2000;

/**
 * Whether the Temporal server at `host:port` serves requests and knows the namespace.
 * Plain gRPC over HTTP/2 without TLS, as a development server on the own machine speaks it.
 */
export async function isServing(address: string, namespace: string): Promise<boolean> {
  const health = await unaryCall(address, '/grpc.health.v1.Health/Check', 'temporal.api.workflowservice.v1.WorkflowService');
  // HealthCheckResponse with field 1, status, at 1: SERVING.
  if (health.status !== '0' || !health.message.equals(Buffer.from([0x08, 0x01]))) return false;
  // The port opens before the namespaces are there: a client in between gets "not found".
  return (await unaryCall(address, '/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace', namespace)).status === '0';
}

/** A unary gRPC call whose request has one string as field 1; `status` is '0' for OK, undefined when there was no answer. */
function unaryCall(address: string, path: string, firstField: string): Promise<{ status: string | undefined; message: Buffer }> {
  return new Promise((resolve) => {
    const session = connect(`http://${address}`);
    let status: string | undefined;
    const chunks: Buffer[] = [];
    let timer: NodeJS.Timeout | undefined;
    const finish = (): void => {
      clearTimeout(timer);
      session.destroy();
      // The five bytes before the message are gRPC's frame: a flag and the length.
      resolve({ status, message: Buffer.concat(chunks).subarray(5) });
    };
    timer = setTimeout(finish, CALL_TIMEOUT_MS);
    session.on('error', finish); // refused or reset: no answer, the caller asks again
    const request = session.request({ [constants.HTTP2_HEADER_METHOD]: 'POST', [constants.HTTP2_HEADER_PATH]: path, 'content-type': 'application/grpc', te: 'trailers' });
    request.on('response', (headers) => {
      status ??= headerText(headers['grpc-status']);
    });
    request.on('trailers', (headers) => {
      status ??= headerText(headers['grpc-status']);
    });
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', finish);
    request.on('close', finish);
    request.end(frame(firstField));
  });
}

function headerText(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

function frame(text: string): Buffer {
  const value = Buffer.from(text, 'utf8');
  if (value.length > 127) throw new RangeError(`${text}: at most 127 bytes, since the length is written as one byte`);
  const message = Buffer.concat([Buffer.from([0x0a, value.length]), value]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
