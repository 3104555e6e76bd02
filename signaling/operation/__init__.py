"""What applications and operators have to do with: calls, webhooks, figures and logs."""
