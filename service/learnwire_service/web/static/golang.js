// The same call for Go, with the stubs of grpc-go.

import { hasToken } from "./server.js";
import { callOf, filesOf, grpcTarget, isSafe, writtenJson } from "./written.js";

/** Write a call for Go. */
export function go(subject, request) {
  const { service, method } = callOf(subject);
  const isStream = Boolean(subject.endpoint?.streaming);
  const names = filesOf(request).map((one) => one.name);
  return `package main

import (
${importsOf(names.length > 0, isStream)}
)

func main() {
	connection, err := grpc.Dial("${grpcTarget()}", ${credentials()})
	check(err)
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
${token()}${names.map(reading).join("")}	request := &learnwire.${method}Request{}
	check(protojson.Unmarshal([]byte(${literal(request)}), request))
	${isStream ? "answers" : "answer"}, err := learnwire.New${service}Client(connection).${method}(ctx, request)
	check(err)
${isStream ? EACH : ONE}}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}`;
}

const ONE = "\tfmt.Println(protojson.Format(answer))\n";
const EACH = `	for {
		answer, err := answers.Recv()
		if err == io.EOF {
			return
		}
		check(err)
		fmt.Println(protojson.Format(answer))
	}
`;

// What is imported and not used does not compile.
function importsOf(reads, streams) {
  const own = ["context", "fmt", "log", "time"];
  if (reads) own.push("encoding/base64", "strconv");
  if (reads || hasToken()) own.push("os");
  if (streams) own.push("io");
  const others = ["google.golang.org/grpc", "google.golang.org/protobuf/encoding/protojson"];
  if (isSafe()) others.push("google.golang.org/grpc/credentials");
  if (hasToken()) others.push("google.golang.org/grpc/metadata");
  const groups = [own, others].map((group) => group.sort().map((one) => `\t"${one}"`).join("\n"));
  return [...groups, '\tlearnwire "learnwire/v1"'].join("\n\n");
}

// All versions have WithInsecure; the others call it old.
function credentials() {
  return isSafe()
    ? 'grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(nil, ""))'
    : "grpc.WithInsecure()";
}

function token() {
  const bearer = '"authorization", "Bearer "+os.Getenv("LEARNWIRE_TOKEN")';
  return hasToken() ? `\tctx = metadata.AppendToOutgoingContext(ctx, ${bearer})\n` : "";
}

function reading(name, index) {
  return `	file${index + 1}, err := os.ReadFile(${JSON.stringify(name)})\n	check(err)\n`;
}

function literal(request) {
  const json = writtenJson(request, {
    data: (index) => `"\` + base64.StdEncoding.EncodeToString(file${index + 1}) + \`"`,
    size: (index) => `\` + strconv.Itoa(len(file${index + 1})) + \``,
    // What cannot stand between these quotes is in a string of the JSON, which has another way.
    text: (plain) => plain.replaceAll("`", "\\u0060").replaceAll("\uFEFF", "\\ufeff"),
  });
  return `\`${json}\``;
}
