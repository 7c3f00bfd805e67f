import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { SentimentService } from "../gen/connect/learnwire/models/sentiment/v1/sentiment_service_pb.js";

const transport = createGrpcTransport({ baseUrl: `http://${process.argv[2]}` });
const client = createClient(SentimentService, transport);
const { label } = await client.predict({ text: "A warm and funny film." });
console.log(label);
