"""What is made of a transcript to be looked at or listened to: pictures, speakers' clips, a subtitled video."""
