namespace Lean.Engine.Bench.Ops;

/// <summary>One line on the terminal that says what is being measured; nothing in a pipe.</summary>
internal sealed class OpProgress : IDisposable
{
    private readonly bool _shown = !Console.IsErrorRedirected;

    /// <summary>Says what comes now.</summary>
    public void Say(string what)
    {
        if (_shown)
        {
            Console.Error.Write($"\r\e[K{what}");
        }
    }

    /// <summary>Takes the line away.</summary>
    public void Clear() => Say("");

    public void Dispose() => Clear();
}
