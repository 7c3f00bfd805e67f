// Asks Learnwire with generated Go stubs: bin/client HOST:PORT
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	learnwire "gen/learnwire/v1"
	"show"
)

const text = "A warm and funny film."

// A handwritten 3: eight rows of eight grey values from 0 to 255.
const image = "00008fffcf5f0000" + "00005f4fffff0000" + "0000007fef4f0000" + "0000004fdf2f0000" +
	"000000008fef1f00" + "0000000000afbf00" + "00003f7fafefbf00" + "0000afdfbf7f0000"

func main() {
	// One connection serves the whole process. WithInsecure is grpc-go's name for plain text
	// before 1.35; later: WithTransportCredentials(insecure.NewCredentials()).
	connection, err := grpc.Dial(os.Args[1], grpc.WithInsecure())
	show.Check(err)
	defer connection.Close()
	client := learnwire.NewPredictionServiceClient(connection)
	predictEach(client)
	breakACell(client)
	runOutOfTime(client)
	stream(client)
}

// predictEach asks each model for one prediction; always with a deadline.
func predictEach(client learnwire.PredictionServiceClient) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, item := range []struct {
		step    string
		request *learnwire.PredictRequest
	}{{"text", aText(text)}, {"row", aRow(nil)}, {"array", anArray()}} {
		response, err := client.Predict(ctx, item.request)
		show.Check(err)
		show.Say(item.step, response.GetPrediction().GetSingleLabel())
	}
}

// breakACell sends a string where a number belongs, and reads which field was wrong.
func breakACell(client learnwire.PredictionServiceClient) {
	_, err := client.Predict(context.Background(), aRow(map[string]interface{}{"bill_length_mm": "long"}))
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
func runOutOfTime(client learnwire.PredictionServiceClient) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := client.Predict(ctx, aText(strings.Repeat(text, 3000)))
	if status.Code(err) == codes.DeadlineExceeded {
		show.Tell("deadline", show.Fields{"code": codes.DeadlineExceeded})
	}
}

// stream sends items of several models on one stream; a bad one fails alone.
func stream(client learnwire.PredictionServiceClient) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	call, err := client.PredictStream(ctx)
	show.Check(err)
	for id, request := range map[string]*learnwire.PredictRequest{
		"a text": aText(text), "a row": aRow(nil), "a bad row": aRow(map[string]interface{}{"year": "old"}),
	} {
		show.Check(call.Send(&learnwire.PredictStreamRequest{Id: id, Request: request}))
	}
	show.Check(call.CloseSend())
	// Answers come as they are ready, perhaps in another order.
	for {
		answer, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return
		}
		show.Check(err)
		if prediction := answer.GetPrediction(); prediction != nil {
			show.Say("stream: "+answer.GetId(), prediction.GetSingleLabel())
		} else {
			show.Tell("stream: "+answer.GetId(), show.Fields{"code": answer.GetStatus().GetCode()})
		}
	}
}

func aText(content string) *learnwire.PredictRequest {
	input := &learnwire.PredictRequest_Text{Text: &learnwire.Text{Content: content}}
	return &learnwire.PredictRequest{Model: "sentiment", Input: input}
}

// aRow makes a row with some cells changed; nil is null.
func aRow(changes map[string]interface{}) *learnwire.PredictRequest {
	row := map[string]interface{}{
		"island": "Torgersen", "sex": nil, "year": 2008, "bill_length_mm": 39.1,
		"bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750,
	}
	for column, cell := range changes {
		row[column] = cell
	}
	cells, err := structpb.NewStruct(row) // the cells are google.protobuf.Value, as a Struct's
	show.Check(err)
	input := &learnwire.PredictRequest_Row{Row: &learnwire.TabularRow{Cells: cells.GetFields()}}
	return &learnwire.PredictRequest{Model: "penguins", Input: input}
}

// anArray makes an array of bytes; lists go in Values instead.
func anArray() *learnwire.PredictRequest {
	data, err := hex.DecodeString(image)
	show.Check(err)
	array := &learnwire.NdArray{
		Shape: []int64{8, 8}, DataType: learnwire.DataType_DATA_TYPE_UINT8, Data: data,
	}
	input := &learnwire.PredictRequest_Array{Array: array}
	return &learnwire.PredictRequest{Model: "digits", Input: input}
}
