"""Are the activity threads of the sample found again?"""
