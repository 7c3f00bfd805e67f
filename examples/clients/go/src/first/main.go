package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"google.golang.org/grpc"

	learnwire "gen/learnwire/v1"
)

func main() {
	connection, err := grpc.Dial(os.Args[1], grpc.WithInsecure())
	if err != nil {
		log.Fatal(err)
	}
	text := &learnwire.PredictRequest_Text{Text: &learnwire.Text{Content: "A warm and funny film."}}
	request := &learnwire.PredictRequest{Model: "sentiment", Input: text}
	response, err := learnwire.NewPredictionServiceClient(connection).Predict(context.Background(), request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.GetPrediction().GetSingleLabel().GetLabel())
}
