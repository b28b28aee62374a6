namespace MLPlatform.Datasets;

public enum TreeMode
{
    Live,
    Listing,
    Pinned,
}
