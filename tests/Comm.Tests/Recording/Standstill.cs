namespace Lean.Comm.Tests;

/// <summary>
/// A watchdog that begins when a rank stands where a test wants it, and nothing moves any more: on a busy machine other ranks are
/// late before, and one that watched from the beginning would name them.
/// </summary>
internal sealed class Standstill : IDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(5);

    private readonly RankWorld _world;
    private readonly int _late;
    private readonly Thread _thread;
    private volatile bool _stands;
    private volatile bool _ended;
    private Watchdog? _watchdog;

    /// <summary>Begins to look.</summary>
    /// <param name="world">The ranks.</param>
    /// <param name="late">The one that the others come to wait for.</param>
    /// <param name="watch">Begins to watch.</param>
    public Standstill(RankWorld world, int late, Func<Watchdog> watch)
    {
        (_world, _late) = (world, late);
        _thread = new Thread(() =>
        {
            while (!_ended && !(_stands && IsStill()))
            {
                Thread.Sleep(s_look);
            }

            _watchdog = _ended ? null : watch();
        })
        { Name = "standstill", IsBackground = true };
        _thread.Start();
    }

    /// <summary>The late one comes to where it stands.</summary>
    public void Stand() => _stands = true;

    public void Dispose()
    {
        _ended = true;
        _thread.Join();
        _watchdog?.Dispose();
    }

    // Every other rank waits for somebody who has not come to where it is, or has come with something else, or is not done there.
    private bool IsStill()
    {
        FlightDump dump = _world.Dump("whether they stand still");
        return dump.Reports.All(report => report.Rank == _late || Waits(dump, report));
    }

    private static bool Waits(FlightDump dump, RankReport report)
    {
        if (report.Records.IsEmpty)
        {
            return false;
        }

        FlightRecord at = report.Records.FirstOrDefault(static r => r.Finished == 0, report.Records[^1]);
        return at.Reached > 0 && dump.Layout.Group(at.Group, report.Rank).Members.Any(member => !dump.Reports[member].Records.Any(r =>
            (r.Step, r.Seq, r.Digest) == (at.Step, at.Seq, at.Digest) && (at.Finished == 0 ? r.Reached > 0 : r.Finished > 0)));
    }
}
