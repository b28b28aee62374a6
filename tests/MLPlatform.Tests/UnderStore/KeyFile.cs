namespace MLPlatform.Tests.UnderStore;

/// <summary>Keys in a file for <c>--credentials file:PATH</c>.</summary>
internal sealed class KeyFile : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public KeyFile(string accessKey, string secret) => Write(accessKey, secret);

    public string Reference => "file:" + _path;

    public void Write(string accessKey, string secret) =>
        File.WriteAllText(_path, $"# keys\n[default]\naws_access_key_id = {accessKey}\naws_secret_access_key={secret}\n");

    public void Dispose() => File.Delete(_path);
}
