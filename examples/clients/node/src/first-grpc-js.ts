import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { ProtoGrpcType } from "../gen/grpc-js/prediction_service.js";

const file = loadSync("learnwire/v1/prediction_service.proto", { includeDirs: ["protos"] });
const { learnwire } = grpc.loadPackageDefinition(file) as unknown as ProtoGrpcType;
const target = process.argv[2]!;
const client = new learnwire.v1.PredictionService(target, grpc.credentials.createInsecure());
client.predict({ model: "sentiment", text: { content: "A warm and funny film." } }, (error, answer) => {
  if (error) throw error;
  console.log(answer!.prediction!.singleLabel!.label);
});
