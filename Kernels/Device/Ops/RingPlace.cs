namespace Lean.Kernels.Device;

/// <summary>A place of a ring in shared memory, and the parity of the phase in which it is filled (<see cref="AsyncBarrier"/>).</summary>
public struct RingPlace
{
    /// <summary>Which place.</summary>
    public int Stage;

    /// <summary>0, 1, 0, … from round to round.</summary>
    public int Parity;

    /// <summary>The place behind.</summary>
    public static RingPlace Next(RingPlace place, int stages)
    {
        place.Stage++;
        if (place.Stage == stages)
        {
            place.Stage = 0;
            place.Parity ^= 1;
        }

        return place;
    }
}
