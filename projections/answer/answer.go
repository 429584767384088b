// Package answer turns entities and refusals into the AWS SDK's own types, for
// commands and queries alike: what a caller reads is what the SDK's
// documentation describes, and no wire type is written by hand.
package answer

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	sts "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/policy"
)

// NoSuch says that there is no entity of that kind and name: "The user with
// name ana cannot be found."
func NoSuch(kind, name string) error {
	return NoSuchEntity("The %s with name %s cannot be found.", kind, name)
}

// NoSuchEntity says so in other words.
func NoSuchEntity(format string, args ...any) error {
	return &types.NoSuchEntityException{Message: text(format, args...)}
}

// AlreadyExists says that the name is taken: "User with name ana already exists."
func AlreadyExists(kind, name string) error {
	return EntityAlreadyExists("%s with name %s already exists.", kind, name)
}

// EntityAlreadyExists says so in other words.
func EntityAlreadyExists(format string, args ...any) error {
	return &types.EntityAlreadyExistsException{Message: text(format, args...)}
}

// DeleteConflict says what must be removed first.
func DeleteConflict(message string) error {
	return &types.DeleteConflictException{Message: &message}
}

// LimitExceeded says which limit a request would break.
func LimitExceeded(format string, args ...any) error {
	return &types.LimitExceededException{Message: text(format, args...)}
}

// Quota refuses one more of something of which there are enough.
func Quota(name string, have, quota int) error {
	if have < quota {
		return nil
	}
	return LimitExceeded("Cannot exceed quota for %s: %d", name, quota)
}

// InvalidInput says that a value cannot be right.
func InvalidInput(format string, args ...any) error {
	return &types.InvalidInputException{Message: text(format, args...)}
}

// Malformed is the refusal of a policy document.
func Malformed(err error) error {
	var m *policy.Malformed
	if !errors.As(err, &m) {
		return fmt.Errorf("policy: %w", err)
	}
	return &types.MalformedPolicyDocumentException{Message: &m.Message}
}

// MalformedSession is the refusal of a session policy.
func MalformedSession(err error) error {
	var m *policy.Malformed
	if !errors.As(err, &m) {
		return fmt.Errorf("session policy: %w", err)
	}
	return &sts.MalformedPolicyDocumentException{Message: &m.Message}
}

// Errors that the SDK has no type for.

// Validation says that a request does not have the form it must have.
func Validation(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationError", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// InvalidParameter is what STS calls a value that cannot be right.
func InvalidParameter(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "InvalidParameterValue", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// AccessDenied refuses what no policy can allow.
func AccessDenied(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "AccessDenied", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// NotAuthorized is AccessDenied in the words of a decision.
func NotAuthorized(c *projections.Caller, action, resource string) error {
	return AccessDenied("User: %s is not authorized to perform: %s on resource: %s", c.ARN, action, resource)
}

func text(format string, args ...any) *string {
	s := fmt.Sprintf(format, args...)
	return &s
}

func ptr[T any](v T) *T { return &v }
