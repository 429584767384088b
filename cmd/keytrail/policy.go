package main

import "github.com/spf13/cobra"

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Test policies and explain decisions", Args: cobra.NoArgs}
	cmd.AddCommand(policyTest(), policyExplain())
	return cmd
}
