// Makes calls with one of Connect's transports, and gives how each of them ended.

import { createFileRegistry, fromBinary, fromJson } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { anyUnpack, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient } from "@connectrpc/connect";

const SERVICE = "learnwire.v1.PredictionService";

// `descriptors` is a FileDescriptorSet in base64; `make` makes the transport of its options.
export async function ends(make, { baseUrl, binary, descriptors, calls }) {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, base64Decode(descriptors)));
  const service = registry.getService(SERVICE);
  const jsonOptions = { registry };
  const client = createClient(service, make({ baseUrl, useBinaryFormat: binary, jsonOptions }));
  const found = {};
  for (const { step, method, request, headers, timeoutMs } of calls) {
    const message = fromJson(service.method[method].input, request, { registry });
    found[step] = await end(client[method](message, { headers, timeoutMs }), registry);
  }
  return found;
}

// Gives the error of a call, of the one item in its answers, or null.
async function end(call, registry) {
  try {
    if (!(Symbol.asyncIterator in call)) {
      await call;
      return null;
    }
    for await (const { errors } of call) {
      for (const { status } of errors) {
        const details = status.details.map((one) => anyUnpack(one, registry));
        return told(status.code, (name) => details.filter((one) => one.$typeName === name));
      }
    }
    return null;
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    return told(error.code, (name) => error.findDetails(registry.getMessage(name)));
  }
}

function told(code, find) {
  const reason = find("google.rpc.ErrorInfo")[0]?.reason ?? "";
  const violations = find("google.rpc.BadRequest").flatMap((one) => one.fieldViolations);
  return { code, reason, fields: violations.map((one) => one.field) };
}
