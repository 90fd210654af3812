"""What happened at which touchpoint: purchases, deliveries and visits arrive here as interactions."""
