// Package show prints what a client finds.
package show

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
)

// Fields are what is found at a step.
type Fields map[string]interface{}

// Answer is the answer of a model with one label.
type Answer interface {
	GetLabel() string
	GetIndex() int32
	GetProbabilities() []float32
}

// Say prints an answer.
func Say(step string, answer Answer) {
	Tell(step, fieldsOf(answer))
}

// SayTyped prints an answer and its class, a value of the contract's enum.
func SayTyped(step string, category fmt.Stringer, answer Answer) {
	found := fieldsOf(answer)
	found["category"] = category.String()
	Tell(step, found)
}

func fieldsOf(answer Answer) Fields {
	return Fields{
		"label":         answer.GetLabel(),
		"index":         answer.GetIndex(),
		"probabilities": answer.GetProbabilities(),
	}
}

// Tell prints one line of JSON; codes are gRPC's numbers, such as 3 for InvalidArgument.
func Tell(step string, found Fields) {
	found["step"] = step
	Check(json.NewEncoder(os.Stdout).Encode(found))
}

// Check ends the program at an error that it does not expect.
func Check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
