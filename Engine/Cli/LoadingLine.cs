namespace Lean.Engine.Cli;

/// <summary>One line on the terminal that says how far loading is, gone when it is done.</summary>
internal sealed class LoadingLine(long total) : IProgress<long>, IDisposable
{
    private const double GiB = 1L << 30;

    private int _shown = -1;

    /// <summary>Takes the bytes read so far.</summary>
    public void Report(long value)
    {
        int percent = (int)(100 * value / total);
        if (percent != _shown)
        {
            _shown = percent;
            Console.Error.Write($"\rloading {value / GiB:F1} of {total / GiB:F1} GiB, {percent} %");
        }
    }

    public void Dispose()
    {
        if (_shown >= 0)
        {
            Console.Error.Write("\r\e[K");
        }
    }
}
