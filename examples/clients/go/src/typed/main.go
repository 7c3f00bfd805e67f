// Asks models by their own contracts, whose columns are fields: bin/typed HOST:PORT
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	digits "gen/learnwire/models/digits/v1"
	penguins "gen/learnwire/models/penguins/v1"
	sentiment "gen/learnwire/models/sentiment/v1"
	learnwire "gen/learnwire/v1"
	"show"
)

const text = "A warm and funny film."

// A handwritten 3: eight rows of eight grey values from 0 to 255.
const image = "00008fffcf5f0000" + "00005f4fffff0000" + "0000007fef4f0000" + "0000004fdf2f0000" +
	"000000008fef1f00" + "0000000000afbf00" + "00003f7fafefbf00" + "0000afdfbf7f0000"

func main() {
	connection, err := grpc.Dial(os.Args[1], grpc.WithInsecure())
	show.Check(err)
	defer connection.Close()
	// All calls have 30 seconds together.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	predictText(ctx, sentiment.NewSentimentServiceClient(connection))
	predictRow(ctx, penguins.NewPenguinsServiceClient(connection))
	predictImage(ctx, digits.NewDigitsServiceClient(connection))
	breakAField(ctx, penguins.NewPenguinsServiceClient(connection))
	runOutOfTime(ctx, sentiment.NewSentimentServiceClient(connection))
	predictMany(ctx, penguins.NewPenguinsServiceClient(connection))
}

func predictText(ctx context.Context, client sentiment.SentimentServiceClient) {
	answer, err := client.Predict(ctx, &sentiment.PredictRequest{Text: proto.String(text)})
	show.Check(err)
	show.SayTyped("text", answer.GetCategory(), answer)
}

func predictRow(ctx context.Context, client penguins.PenguinsServiceClient) {
	answer, err := client.Predict(ctx, aRow(39.1))
	show.Check(err)
	show.SayTyped("row", answer.GetCategory(), answer)
}

func predictImage(ctx context.Context, client digits.DigitsServiceClient) {
	pixels, err := hex.DecodeString(image)
	show.Check(err)
	array := &learnwire.ByteArray{Shape: []int64{8, 8}, Values: pixels}
	answer, err := client.Predict(ctx, &digits.PredictRequest{Array: array})
	show.Check(err)
	show.SayTyped("array", answer.GetCategory(), answer)
}

// breakAField sends NaN, and reads which field was wrong.
func breakAField(ctx context.Context, client penguins.PenguinsServiceClient) {
	_, err := client.Predict(ctx, aRow(math.NaN()))
	for _, detail := range status.Convert(err).Details() {
		if badRequest, ok := detail.(*errdetails.BadRequest); ok {
			for _, violation := range badRequest.GetFieldViolations() {
				show.Tell("violation", show.Fields{
					"code":        status.Code(err),
					"field":       violation.GetField(),
					"description": violation.GetDescription(),
				})
			}
		}
	}
}

// runOutOfTime gives a long text a millisecond.
func runOutOfTime(ctx context.Context, client sentiment.SentimentServiceClient) {
	ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	_, err := client.Predict(ctx, &sentiment.PredictRequest{Text: proto.String(strings.Repeat(text, 3000))})
	if status.Code(err) == codes.DeadlineExceeded {
		show.Tell("deadline", show.Fields{"code": codes.DeadlineExceeded})
	}
}

// predictMany sends many rows at once; answers come in order, and a bad one fails alone.
func predictMany(ctx context.Context, client penguins.PenguinsServiceClient) {
	names := []string{"a row", "a bad row"}
	rows := []*penguins.PredictRequest{aRow(39.1), aRow(math.NaN())}
	call, err := client.PredictMany(ctx, &penguins.PredictManyRequest{Requests: rows})
	show.Check(err)
	for {
		chunk, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return
		}
		show.Check(err)
		for i, result := range chunk.GetResults() {
			step := "stream: " + names[int(chunk.GetFirstIndex())+i]
			if answer := result.GetResponse(); answer != nil {
				show.SayTyped(step, answer.GetCategory(), answer)
			} else {
				show.Tell(step, show.Fields{"code": result.GetStatus().GetCode()})
			}
		}
	}
}

// aRow makes a row. A field that is not set, here Sex, is null where the model takes null.
func aRow(billLength float64) *penguins.PredictRequest {
	return &penguins.PredictRequest{
		Island:          proto.String("Torgersen"),
		Year:            proto.Int64(2008),
		BillLengthMm:    proto.Float64(billLength),
		BillDepthMm:     proto.Float64(18.7),
		FlipperLengthMm: proto.Float64(181),
		BodyMassG:       proto.Float64(3750),
	}
}
