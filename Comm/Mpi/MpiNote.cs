using System.Diagnostics;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>A few bytes from rank 0 to all others by MPI, before there is a control channel: where it is, and the secret.</summary>
internal static unsafe class MpiNote
{
    private const int Tag = 3;
    private const int Bytes = 1024;

    /// <summary>Gives rank 0's bytes to everybody.</summary>
    /// <exception cref="MachineException">MPI failed, or rank 0 said nothing in time.</exception>
    public static byte[] Share(MpiProcess process, byte[] note, TimeSpan limit)
    {
        using var memory = new HostBuffer(Bytes);
        if (note.Length > Bytes - sizeof(int))
        {
            throw new MachineException($"a note of {note.Length} bytes, expected at most {Bytes - sizeof(int)}");
        }

        if (process.Rank == 0)
        {
            *(int*)memory.Address = note.Length;
            note.CopyTo(new Span<byte>((byte*)memory.Address + sizeof(int), note.Length));
            for (int peer = 1; peer < process.Ranks; peer++)
            {
                nint request = 0;
                CommLibrary.Check(CommLibrary.MpiSend(memory.Address, Bytes, peer, Tag, &request));
                Wait(&request, limit);
            }

            return note;
        }

        nint receiving = 0;
        CommLibrary.Check(CommLibrary.MpiReceive(memory.Address, Bytes, 0, Tag, &receiving));
        Wait(&receiving, limit);
        int length = *(int*)memory.Address;
        return new ReadOnlySpan<byte>((byte*)memory.Address + sizeof(int), int.Clamp(length, 0, Bytes - sizeof(int))).ToArray();
    }

    private static void Wait(nint* request, TimeSpan limit)
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            CommLibrary.Check(CommLibrary.MpiTest(request, out int done, out _));
            if (done != 0)
            {
                return;
            }

            if (waited.Elapsed > limit)
            {
                throw new MachineException($"a note from rank 0 by MPI did not come within {limit.TotalSeconds:0.#} s");
            }

            Thread.Sleep(1);
        }
    }
}
