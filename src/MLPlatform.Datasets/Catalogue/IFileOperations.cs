namespace MLPlatform.Datasets;

/// <summary>The few things the catalogue does to the disk, one by one, so that a test can end the process between any two of them.</summary>
internal interface IFileOperations
{
    void CreateDirectory(string path);

    /// <summary>Writes a new file and waits until the disk has it.</summary>
    void Write(string path, ReadOnlySpan<byte> content);

    /// <summary>Renames a file or a directory; a file that is in the way is replaced in one step.</summary>
    void Rename(string from, string to);

    /// <summary>Waits until the disk has the names in a directory.</summary>
    void FlushDirectory(string path);

    void DeleteFile(string path);

    void DeleteTree(string path);
}
