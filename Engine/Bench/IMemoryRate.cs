namespace Lean.Engine.Bench;

/// <summary>How fast memory can be, measured on this machine: what a decode step is measured against.</summary>
internal interface IMemoryRate : IDisposable
{
    /// <summary>What was timed, for people.</summary>
    string How { get; }

    /// <summary>The best rate measured so far, in bytes a second.</summary>
    double Best { get; }

    /// <summary>Measures a few times and keeps the best: disturbances only ever slow it down.</summary>
    void Measure();
}
