// Package answer turns entities and refusals into the AWS SDK's own types, for
// commands and queries alike: what a caller reads is what the SDK's
// documentation describes, and no wire type is written by hand.
package answer

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// NoSuch says that there is no entity of that kind and name: "The user with
// name ana cannot be found."
func NoSuch(kind, name string) error {
	return &types.NoSuchEntityException{Message: text("The %s with name %s cannot be found.", kind, name)}
}

// AlreadyExists says that the name is taken: "User with name ana already exists."
func AlreadyExists(kind, name string) error {
	return &types.EntityAlreadyExistsException{Message: text("%s with name %s already exists.", kind, name)}
}

func text(format string, args ...any) *string {
	s := fmt.Sprintf(format, args...)
	return &s
}
