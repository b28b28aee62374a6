namespace MLPlatform.Lab;

/// <summary>On a test: it holds this promise of docs/SEMANTICS.md.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class PromiseAttribute(string number) : Attribute
{
    public string Number { get; } = number;
}
