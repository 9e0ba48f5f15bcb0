namespace Lean.Kernels.Tests;

/// <summary>An mbarrier: a phase ends when all have arrived and all bytes have come.</summary>
internal sealed class PtxBarrier(int arrivals)
{
    private int _come;
    private int _bytes;

    /// <summary>Of the phase that runs.</summary>
    public int Parity { get; private set; }

    /// <summary>Notes bytes that will come.</summary>
    public void Expect(int bytes) => _bytes += bytes;

    /// <summary>Notes bytes that came, as a negative number.</summary>
    public void Come(int bytes)
    {
        _bytes += bytes;
        End();
    }

    /// <summary>Notes one that has arrived.</summary>
    public void Arrive()
    {
        _come++;
        Assert.True(_come <= arrivals, "more have arrived at a barrier than it waits for");
        End();
    }

    private void End()
    {
        if (_come == arrivals && _bytes == 0)
        {
            Parity ^= 1;
            _come = 0;
        }
    }
}
