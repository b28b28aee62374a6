namespace MLPlatform.MountTests.UnderStore;

/// <summary>Keys in a file, as <c>--credentials file:PATH</c> takes them; the environment of the test process stays as it is.</summary>
internal sealed class TestCredentials : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public TestCredentials(string accessKey, string secret) =>
        File.WriteAllText(_path, $"[default]\naws_access_key_id = {accessKey}\naws_secret_access_key = {secret}\n");

    public string Reference => "file:" + _path;

    public void Dispose() => File.Delete(_path);
}
