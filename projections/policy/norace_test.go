//go:build !race

package policy

const slow = 1
