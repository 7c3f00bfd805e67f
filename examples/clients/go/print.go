package main

import (
	"encoding/json"
	"log"
	"os"

	learnwire "gen/learnwire/v1"
)

type fields map[string]interface{}

func say(step string, prediction *learnwire.Prediction) {
	answer := prediction.GetSingleLabel()
	tell(step, fields{
		"label": answer.GetLabel(), "index": answer.GetIndex(), "probabilities": answer.GetProbabilities(),
	})
}

// tell prints one line of JSON; codes are gRPC's numbers, such as 3 for InvalidArgument.
func tell(step string, found fields) {
	found["step"] = step
	check(json.NewEncoder(os.Stdout).Encode(found))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
