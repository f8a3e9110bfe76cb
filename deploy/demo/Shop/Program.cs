// The demo target: a small real shop. Commands:
//   supervise        the database, the running release, a steady load and a prober; ends when its input closes
//   serve RELEASE    the API itself, as release v1 or v2
//   release VERSION  switches the running release and waits until it answers
//   intake PERCENT   how many of a hundred new orders are taken; 0 is read-only
//   ship VERSION     what a deployment does: rollback point, migration, switch
using Shop;

var settings = ShopSettings.FromEnvironment();
return args switch
{
    ["supervise"] => await Supervisor.Run(settings),
    ["serve", var release] => await Api.Serve(settings, release),
    ["release", var version] => await Releases.Switch(settings, version),
    ["intake", var share] => await Releases.Intake(settings, share),
    ["ship", var version] => await Releases.Ship(settings, version),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: shop supervise | serve RELEASE | release VERSION | intake PERCENT | ship VERSION");
    return 2;
}
